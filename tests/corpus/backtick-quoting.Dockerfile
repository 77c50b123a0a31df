# escape=`
FROM x
ENV A="b `"quoted`" c" D=e` f G=\path
LABEL k="multi `
line" l=`$not
ARG V=a` b W="c`"d"
RUN echo `` && echo \`
 joined
COPY a` b c\d /e/
