# The README's "ROS way" on a Jetson with JetPack 6, whose container has CUDA and TensorRT; ROS 2 Humble comes from apt:
#   docker build -f docker/jetpack6.Dockerfile -t illumigan .
#   docker run --rm --runtime nvidia --network host --ipc host -v illumigan_cache:/root/.cache illumigan \
#       camera:=/front image:=image_raw
# (-v: engines are built once and kept.) Written ahead of its first build: mend what fails.
FROM nvcr.io/nvidia/l4t-jetpack:r36.4.0
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN apt-get update && apt-get install -y --no-install-recommends curl gnupg python3-pip \
    && curl -sSL https://raw.githubusercontent.com/ros/rosdistro/master/ros.key -o /usr/share/keyrings/ros.gpg \
    && echo "deb [signed-by=/usr/share/keyrings/ros.gpg] http://packages.ros.org/ros2/ubuntu jammy main" \
        > /etc/apt/sources.list.d/ros2.list \
    && apt-get update && apt-get install -y --no-install-recommends ros-humble-ros-base ros-dev-tools \
    && rm -rf /var/lib/apt/lists/* && rosdep init
WORKDIR /ros2_ws
COPY package.xml src/illumigan/
RUN apt-get update && rosdep update \
    && rosdep install --rosdistro humble --from-paths src --ignore-src -y && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir "numba>=0.58" "numpy<2" "typer>=0.9" "rosbags>=0.11.6" "mcap>=1.1"
COPY . src/illumigan
RUN . /opt/ros/humble/setup.sh && colcon build --packages-select illumigan
RUN printf '#!/bin/sh\n. /ros2_ws/install/setup.sh\nexec ros2 launch illumigan enhance.launch.py "$@"\n' > /start \
    && chmod +x /start
ENTRYPOINT ["/start"]
