FROM busybox
RUN echo "é 日本語 🚀"
ENV Ñ=ñ
COPY "naïve" /ü/
# комментарий
CMD ["日本"]
