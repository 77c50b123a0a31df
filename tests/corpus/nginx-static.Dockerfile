FROM nginx:1.25-alpine
RUN rm /etc/nginx/conf.d/*
COPY nginx.conf /etc/nginx/
COPY sites/*.conf /etc/nginx/conf.d/
COPY --chmod=644 html/ /usr/share/nginx/html/
RUN ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log
STOPSIGNAL SIGQUIT
EXPOSE 80 443 443/udp
CMD ["nginx", "-g", "daemon off;"]
