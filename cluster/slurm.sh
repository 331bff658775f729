#!/usr/bin/env bash
# An exploration as a Slurm job, from the root of a checkout on a file system that all nodes share:
#
#   sbatch cluster/slurm.sh multi30k --data DIR           # the arguments are those of explore.py
#   sbatch --nodes=4 --gpus-per-node=1 cluster/slurm.sh multi30k --data DIR
#   sbatch cluster/slurm.sh resume results/slurm-1234     # after scancel, or where requeueing is off
#
# Results go to results/slurm-JOB, the output to slurm-JOB.log. Slurm sends SIGTERM two minutes before the time limit, and
# before a preemption: the exploration saves, and the job returns to the queue and resumes. See docs/howto/slurm.md.
#SBATCH --job-name=erpo-explore
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.log
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"
bin=${ERPO_BIN:-.venv/bin} # environment with erpo_explore, the same path on all nodes

results=results/slurm-$SLURM_JOB_ID
case ${1:-} in
  resume) arguments=("$@") results=$2 ;;
  *) arguments=("$@" --results "$results") ;;
esac
if [ -e "$results/exploration.yaml" ]; then
  arguments=(resume "$results")
fi

# Ray: one step with a task per node, of which the first is the head. The token keeps other users of the nodes out.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 RAY_TMPDIR="/tmp/erpo-$SLURM_JOB_ID" # another user may own /tmp/ray
RAY_AUTH_TOKEN=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
head=${ERPO_HEAD:-$(hostname -I | cut -d' ' -f1)} # set ERPO_HEAD where the first network interface is the wrong one
port=$((20000 + SLURM_JOB_ID % 10000))
export RAY_AUTH_TOKEN head port bin
log=slurm-$SLURM_JOB_ID-ray.log
srun --overlap --ntasks-per-node=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --kill-on-bad-exit=0 \
  --output="$log" --open-mode=append bash -c '
  node=(--num-cpus "$SLURM_CPUS_ON_NODE" --num-gpus "${SLURM_GPUS_ON_NODE:-0}" --block)
  own=(--include-dashboard false --ray-client-server-port "$((port + 10000))" --temp-dir "$RAY_TMPDIR")
  if [ "$SLURM_PROCID" = 0 ]; then
    exec "$bin/ray" start --head --node-ip-address "$head" --port "$port" "${own[@]}" "${node[@]}"
  fi
  until (: <"/dev/tcp/$head/$port") 2>/dev/null; do sleep 1; done
  exec "$bin/ray" start --address "$head:$port" "${node[@]}"
' &
ray=$!
until (: <"/dev/tcp/$head/$port") 2>/dev/null; do
  kill -0 "$ray" 2>/dev/null || { echo "Ray did not start: see $log"; exit 1; }
  sleep 1
done

"$bin/python" explore.py "${arguments[@]}" --address "$head:$port" &
driver=$!
trap 'kill -TERM "$driver"' TERM
code=0
wait "$driver" || code=$?
while kill -0 "$driver" 2>/dev/null; do # the signal has ended the wait; the driver is saving
  code=0
  wait "$driver" || code=$?
done
kill "$ray" 2>/dev/null || true
if [ "$code" = 143 ]; then # saved because of SIGTERM
  scontrol requeue "$SLURM_JOB_ID" || echo "this job cannot be requeued; sbatch cluster/slurm.sh resume $results"
fi
exit "$code"
