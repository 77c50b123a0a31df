FROM nginx:stable
ENV NGINX_ENVSUBST_TEMPLATE_DIR=/templates \
	NGINX_PORT=8080 \
	UPSTREAMS="api:3000 web:4000"
COPY <<"EOF" /templates/default.conf.template
server {
    listen ${NGINX_PORT};
    location / {
        proxy_pass http://$host$request_uri;
        # FROM here on nothing is an instruction
        proxy_set_header X-Real-IP $remote_addr;
    }
}
EOF
HEALTHCHECK --interval=5s CMD ["curl", "-fsS", "http://localhost:8080/"]
