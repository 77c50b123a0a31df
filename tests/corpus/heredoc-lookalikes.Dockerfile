FROM bash
RUN echo $((1<<4)) $(( 1 << 4 ))
RUN cat <<<"here string" && read -r a <<< "$b"
RUN test "<<EOF" != '<<EOF'
RUN echo \<<EOF a\<<EOF
RUN echo a<<EOF b<<-EOF
RUN [ "1 <<EOF" ]
RUN c++ -x c++ -<<<'int main(){std::cout<<1<<2;}' || true
ENV A="<<EOF" B=<<EOF
LABEL a=<<EOF
CMD cat <<EOF
ENTRYPOINT cat <<EOF
WORKDIR <<EOF
USER <<EOF
EXPOSE <<EOF
ARG X=<<EOF
HEALTHCHECK CMD cat <<EOF
ONBUILD CMD cat <<EOF
ONBUILD ENV A=<<EOF
