FROM busybox
ENV A 1
ENV B two words and "quotes" 'kept'
ENV C=1 D="x y" E='p q' F=a\ b
ENV G="multi \
 line" H=2
ENV I= J=""
LABEL a.b=c "quoted key"=1 plain="a=b"
LABEL old style value
