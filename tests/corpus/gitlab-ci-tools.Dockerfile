FROM docker:24-cli
ARG KUBECTL=v1.29.0 \
    HELM=v3.14.0 \
    # pinned: the next one breaks the plugin
    SOPS=v3.8.1
RUN apk add --no-cache bash curl git jq openssh-client \
 && for tool in kubectl:$KUBECTL helm:$HELM sops:$SOPS; do \
      name=${tool%%:*}; version=${tool#*:}; \
      curl -fsSLo /usr/local/bin/$name "https://example.test/$name/$version/linux/$(uname -m)" \
        && chmod +x /usr/local/bin/$name; \
    done
ENTRYPOINT ["/bin/bash", "-c"]
