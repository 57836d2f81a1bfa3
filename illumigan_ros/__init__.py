"""IllumiGAN in ROS and on the command line: the live node, bags, videos, the `illumigan` command."""
