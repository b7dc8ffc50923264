# CPU image: docker build -t mner . && docker run --rm -v "$PWD/work:/work" mner
# CUDA: docker build --build-arg BASE=pytorch/pytorch -t mner-cuda . && docker run --rm --gpus all mner-cuda
ARG BASE=python:3.11-slim
FROM ${BASE}
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /mner
COPY . .
RUN python -m pip install --no-cache-dir -c constraints.txt '.[track]'
WORKDIR /work
ENTRYPOINT ["mner"]
CMD ["show"]
