"""IllumiGAN's training room: from folders of photos to weights (import name `illumigan_training`)."""
