FROM busybox
RUN echo $(cat <<EOF
in a substitution
EOF
RUN echo "quoted <<EOF is text"
RUN echo 'quoted <<EOF too'
RUN echo a<<EOF is no heredoc
RUN cat <<<word
RUN cat << EOF
RUN ["sh", "-c", "cat <<EOF"]
CMD cat <<EOF
