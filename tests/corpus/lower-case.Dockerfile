from debian:12 as base
run apt-get update
arg x=1
env y $x
copy a b /c/
workdir /c
cmd echo hi
