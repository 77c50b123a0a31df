


FROM busybox



CMD sh


