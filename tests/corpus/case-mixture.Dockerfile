# SYNTAX=docker/dockerfile:1
# Escape=`
From alpine As Base
Run echo a `
  b
rUN echo c
cOPY a b
oNBUILD rUN d
EntryPoint ["e"]
cmd f
hEALTHCHECK nOnE
Maintainer g
StopSignal 9
Volume h
wOrKdIr /i
expose 1
label J=k
arg L
env m=n
Add o p
user q
shell ["r"]
FROM bAsE
COPY --from=BASE s t
