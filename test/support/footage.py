"""A small photo by day and at night, and stamps for a bag of it."""

import cv2
import numpy as np
from skimage import data

PHOTO = cv2.cvtColor(cv2.resize(data.astronaut(), (160, 120)), cv2.COLOR_RGB2BGR)
NIGHT = (PHOTO * 0.15).astype(np.uint8)
STAMPS = [1_600_000_000_000_000_000 + index * 100_000_000 for index in range(4)]
