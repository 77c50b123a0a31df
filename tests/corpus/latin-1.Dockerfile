FROM busybox
# café
RUN echo café \
 ÿ
CMD ["sh"]
