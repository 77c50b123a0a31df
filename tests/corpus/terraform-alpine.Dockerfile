FROM hashicorp/terraform:1.7 AS tf
FROM alpine:3.19
COPY --from=tf /bin/terraform /bin/
COPY --from=hashicorp/vault:1.15 /bin/vault /bin/
COPY --from=quay.io/example/helm:3 /usr/local/bin/helm /usr/local/bin/kubectl /bin/
RUN terraform version; vault -version; helm version --short
ENV TF_IN_AUTOMATION=1 TF_PLUGIN_CACHE_DIR=/plugins
WORKDIR /infra
COPY --parents modules/*/versions.tf envs/prod/backend.tf /infra/
RUN terraform init -backend=false
COPY . .
