FROM alpine
RUN cat <<EOF > /x
never ended
 EOF
CMD x
