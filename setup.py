"""Build the `illumigan` ROS 2 package; the same file serves colcon and plain pip."""

from glob import glob

from setuptools import find_packages, setup

setup(
    name="illumigan",
    version="0.1.0",
    description="Live low-light enhancement of camera images for ROS 2",
    license="Apache-2.0",
    maintainer="IllumiGAN maintainers",
    maintainer_email="maintainers@illumigan.example",
    packages=[
        *find_packages(include=["illumigan_model*", "illumigan_ros*"]),
        "illumigan_training",
        *(f"illumigan_training.{room}" for room in find_packages("training")),
    ],
    package_dir={"illumigan_training": "training"},
    package_data={
                "illumigan_model.runtimes": ["night.png"],
        "illumigan_model.torch2trt": ["converters.txt"],
        "illumigan_model.weights": ["*"],
        "illumigan_training.evaluation": ["niqe_parameters.*"],
    },
    # Data files, and not scripts: they land in lib/illumigan, where `ros2 run` looks, under colcon and plain pip alike.
    data_files=[
        ("share/ament_index/resource_index/packages", ["illumigan_ros/ament_index/illumigan"]),
        ("share/illumigan", ["package.xml"]),
        ("share/illumigan/launch", glob("launch/*.launch.py")),
        ("share/illumigan/config", glob("config/*")),
        ("lib/illumigan", glob("illumigan_ros/executables/*")),
    ],
    python_requires=">=3.10",
    install_requires=[
        "numpy>=1.21",
        "opencv-python>=4.5",
        "onnxruntime>=1.15",
        "numba>=0.56",
        "typer>=0.9",
        "rich>=12",
        "rosbags>=0.10.11",
        "pyyaml>=5.4",
    ],
    extras_require={
        "ros": [
            "ros-rclpy",
            "ros-sensor-msgs",
            "ros-std-srvs",
            "ros-diagnostic-msgs",
            "ros-lifecycle-msgs",
            "ros-rosgraph-msgs",
            "ros-rmw-fastrtps-cpp",
            "ros-ament-index-python",
        ],
        "ros-jazzy": [
            "ros-jazzy-rclpy",
            "ros-jazzy-sensor-msgs",
            "ros-jazzy-std-srvs",
            "ros-jazzy-diagnostic-msgs",
            "ros-jazzy-lifecycle-msgs",
            "ros-jazzy-rosgraph-msgs",
            "ros-jazzy-rmw-fastrtps-cpp",
            "ros-jazzy-ament-index-python",
        ],
        "train": [
            "torch>=2.4",
            "lightning-fabric>=2.3",
            "safetensors>=0.4",
            "onnx>=1.15",
            "scikit-image>=0.19",
            "scipy>=1.8",
            "tensorboard>=2.10",
            "matplotlib>=3.5",
        ],
        "video": ["av>=17.1"],
        "openvino": ["openvino>=2024.0"],
        "dev": [
            "pytest>=8",
            "ruff",
            "mypy",
            "types-PyYAML",
            "scikit-image",
            "openvino>=2024.0",
            "tensorrt-rtx-cu13; platform_machine == 'x86_64'",
            "colcon-ros",
            "colcon-package-information",
            "setuptools>=64,<80",
        ],
    },
    entry_points={"console_scripts": ["illumigan = illumigan_ros.commands.main:main"]},
    zip_safe=False,
)
