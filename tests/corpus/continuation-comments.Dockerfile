FROM alpine
# before
RUN one \
# at the start of the line
  two \
    # indented
	# with a tab
  three \
  #without blank
  four # not a comment \
  five \#six \
  seven
# after
ENV A=1 \
# B=2 \
    C=3
#
RUN x \
#
y
