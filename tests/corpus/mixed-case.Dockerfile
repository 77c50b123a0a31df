From debian
RuN echo 1
OnBuild CoPy . /src
StopSignal SIGTERM
