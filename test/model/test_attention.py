import numpy as np
import torch

from illumigan_model.attention import attention, attention_u8, luminance_u8


def test_dark_places_ask_for_attention_and_bright_ones_do_not():
    frame = np.zeros((4, 6, 3), np.uint8)
    frame[:, 3:] = 255
    assert (attention_u8(frame)[:, :3] == 255).all()
    assert (attention_u8(frame)[:, 3:] == 0).all()


def test_both_spellings_agree(day):
    rgb = torch.from_numpy(day[:, :, ::-1].transpose(2, 0, 1).copy())[None] / 255
    assert np.abs(attention(rgb)[0, 0].numpy() * 255 - attention_u8(day)).max() <= 0.51


def test_luminance_weighs_green_most_and_takes_views():
    frame = np.zeros((4, 4, 6), np.uint8)
    frame[:, :, 2] = 200
    assert luminance_u8(frame[:, ::2, ::2])[0, 0] == round(200 * 0.587)
