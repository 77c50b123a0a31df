FROM ghcr.io/actions/actions-runner:2.311.0
USER root
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      docker.io=20.10.* \
      "linux-image-$(uname -r)" \
      python3{,-pip,-venv} \
 && echo 'runner ALL=(ALL) NOPASSWD:ALL' | tee /etc/sudoers.d/runner \
 && chmod 0440 $_
USER runner
COPY --from=docker:24-cli /usr/local/bin/docker /usr/local/bin/docker-compose /usr/local/bin/
