   FROM busybox
	 RUN echo 1
  # comment
    CMD sh
