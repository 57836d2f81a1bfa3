# An image for `illumigan enhance-bags` on Ray, as docs/fleet.md has it; neither ROS nor torch is in it:
#   docker build -f docker/fleet.Dockerfile -t registry.example/illumigan-fleet .
# Written ahead of its first build: mend what fails.
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*
COPY . /tmp/illumigan
# ray[default], as KubeRay hands in jobs by way of Ray's dashboard; the version is that of `rayVersion` in the job
RUN pip install --no-cache-dir "/tmp/illumigan[fleet]" "ray[default]==2.60.0" && rm -rf /tmp/illumigan
