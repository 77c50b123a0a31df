FROM selenium/standalone-chrome:120.0
USER root
RUN --mount=type=tmpfs,target=/tmp apt-get update && apt-get install -y fonts-noto-cjk
USER 1200:1201
ENV SE_NODE_MAX_SESSIONS=4 SE_OPTS='--session-timeout 60 --override-max-sessions true'
HEALTHCHECK --interval=15s --timeout=30s CMD ["/opt/bin/check-grid.sh", "--host", "0.0.0.0", "--port", "4444"]
