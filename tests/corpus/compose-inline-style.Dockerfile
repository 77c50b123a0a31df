FROM busybox
RUN adduser -D app
USER app
WORKDIR /home/app
COPY --chown=app . .
#dev-cmd-live=httpd -f -v -p 8080 -h public
CMD ["httpd", "-f", "-p", "8080"]
