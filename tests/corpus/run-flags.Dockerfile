FROM alpine
RUN --network=host wget -q -O- localhost
RUN --network=default true
RUN --security=insecure mount -t tmpfs none /mnt
RUN --device=vendor.example/gpu=all,required=false nvidia-smi
RUN -- --not-a-flag
RUN --mount=type=cache,target=/c -- --help
RUN --network=none ["echo", "json with flags"]
RUN --network=none
RUN --network=none \
  # comment between flag and command
  echo after
