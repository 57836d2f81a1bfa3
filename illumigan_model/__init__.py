"""IllumiGAN's model room: what an enhanced frame is.

`illumigan_model.enhancer.Enhancer` is the way in. Nothing here imports ROS, and the run-time path imports no torch.
"""

__version__ = "0.1.0"
