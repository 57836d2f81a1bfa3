# The README's "ROS way" in a container:
#   docker build -f docker/x86-64.Dockerfile -t illumigan .
#   docker run --rm --network host --ipc host illumigan camera:=/front image:=image_raw
# (--ipc host: frames travel through shared memory.) Written ahead of its first build: mend what fails.
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base
ENV PIP_BREAK_SYSTEM_PACKAGES=1
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*
WORKDIR /ros2_ws
COPY package.xml src/illumigan/
RUN apt-get update && rosdep update && rosdep install --from-paths src --ignore-src -y && rm -rf /var/lib/apt/lists/*
# Ubuntu 22.04's are older; apt's OpenCV wants NumPy 1 up to Ubuntu 24.04
RUN pip install --no-cache-dir "numba>=0.58" "numpy<2" "typer>=0.9" "rosbags>=0.11.6" "mcap>=1.1"
COPY . src/illumigan
RUN . /opt/ros/${ROS_DISTRO}/setup.sh && colcon build --packages-select illumigan
RUN printf '#!/bin/sh\n. /ros2_ws/install/setup.sh\nexec ros2 launch illumigan enhance.launch.py "$@"\n' > /start \
    && chmod +x /start
ENTRYPOINT ["/start"]
