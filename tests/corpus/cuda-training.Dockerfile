ARG CUDA=12.3.1 CUDNN=8
FROM nvidia/cuda:${CUDA}-cudnn${CUDNN}-devel-ubuntu22.04 AS devel

ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_REQUIRE_CUDA="cuda>=12.3 brand=tesla,driver>=525,driver<526 brand=unknown,driver>=525,driver<526" \
    TORCH_CUDA_ARCH_LIST="7.0;7.5;8.0;8.6+PTX"
SHELL ["/bin/bash", "-euxo", "pipefail", "-c"]
RUN rm -f /etc/apt/apt.conf.d/docker-clean; echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' > /etc/apt/apt.conf.d/keep-cache
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends python3-pip git ninja-build
RUN pip3 install --index-url https://download.example.test/whl/cu121 'torch==2.2.*' "torchvision<0.18"
WORKDIR /workspace
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache pip3 install -r requirements.txt
COPY csrc csrc
RUN MAX_JOBS=${MAX_JOBS:-8} python3 setup.py build_ext --inplace
COPY train ./train
ENTRYPOINT ["python3", "-m", "torch.distributed.run", "--nproc_per_node=8"]
CMD ["train/main.py", "--config", "configs/base.yaml"]
