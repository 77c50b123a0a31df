FROM fedora:39
ARG KVER
RUN dnf install -y "kernel-devel-${KVER:?which kernel}" gcc make elfutils-libelf-devel
COPY driver/*.[ch] driver/Makefile /driver/
RUN make -C /lib/modules/${KVER}/build M=/driver modules && cp /driver/*.ko /
