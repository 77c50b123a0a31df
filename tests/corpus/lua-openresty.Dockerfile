FROM openresty/openresty:alpine-fat
RUN /usr/local/openresty/luajit/bin/luarocks install lua-resty-http
COPY conf/nginx.conf /usr/local/openresty/nginx/conf/nginx.conf
COPY lua /app/lua
RUN for f in /app/lua/*.lua; do luajit -bl "$f" > /dev/null || exit 1; done
