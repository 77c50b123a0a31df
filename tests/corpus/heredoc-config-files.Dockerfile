FROM alpine
ENV DOMAIN=example.test
COPY <<nginx.conf <<app.env /etc/app/
server_name ${DOMAIN} www.${DOMAIN:-none};
nginx.conf
DOMAIN=$DOMAIN
ESCAPED=\$DOMAIN and \\
app.env
COPY --chmod=755 --chown=1:1 <<"entrypoint.sh" /usr/local/bin/entrypoint.sh
#!/bin/sh
exec "$@"
entrypoint.sh
COPY --link <<-EOT /motd
	hello
		indented
    with blanks
	EOT
ADD <<EOF1 local.txt <<'EOF-2' /both/
1
EOF1
2
EOF-2
