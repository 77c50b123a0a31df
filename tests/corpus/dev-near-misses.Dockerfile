FROM alpine
#dev-cmdlive=x
#dev_run=x
# dev -run=x
#dev-run echo x
#dev-run:echo x
#devrun=x
#dev-=x
# see dev-run=x
#dev-restart=1
CMD sh #dev-run=x
