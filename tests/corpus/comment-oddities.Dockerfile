#
##
# # #
#!/usr/bin/env docker build
	# tab
  # two blanks
#FROM nothing
# FROM nothing
FROM alpine
RUN echo "#" '#' \# a#b #c
   #x
RUN : #
#EOF
