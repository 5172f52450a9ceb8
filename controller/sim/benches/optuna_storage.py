"""How many trials and reports a second Optuna's storage takes from several processes.

usage: optuna_storage.py URL PROCESSES SECONDS
prints {"trials_per_s": ..., "reports_per_s": ...}
"""

import json
import multiprocessing
import sys
import time

import optuna

SPACE = {
    "lr": optuna.distributions.FloatDistribution(1e-5, 1.0, log=True),
    "decay": optuna.distributions.FloatDistribution(1e-5, 1.0, log=True),
    "momentum": optuna.distributions.FloatDistribution(0.0, 1.0),
    "layers": optuna.distributions.IntDistribution(1, 8),
    "activation": optuna.distributions.CategoricalDistribution(["relu", "gelu", "silu"]),
}


def storage(url):
    arguments = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    return optuna.storages.RDBStorage(url, engine_kwargs=arguments)


def worker(url, name, seconds, number, start, results):
    """Trials for half of the time, then reports of one trial."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=number)
    study = optuna.load_study(study_name=name, storage=storage(url), sampler=sampler)
    study.tell(study.ask(SPACE), 1.0)

    def trial(_):
        study.tell(study.ask(SPACE), 0.5)

    start.wait()
    trials = rate(trial, seconds)
    running = study.ask(SPACE)
    start.wait()
    reports = rate(lambda step: running.report(0.1 * step, step), seconds)
    results.put((trials, reports))


def rate(what, seconds):
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        what(count)
        count += 1
    return count / (time.perf_counter() - begun)


def main():
    url, processes, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    name = f"bench-{time.time_ns()}"
    optuna.create_study(study_name=name, storage=storage(url))
    spawning = multiprocessing.get_context("spawn")
    results, start = spawning.Queue(), spawning.Barrier(processes)
    arguments = [(url, name, seconds, number, start, results) for number in range(processes)]
    workers = [spawning.Process(target=worker, args=one) for one in arguments]
    for one in workers:
        one.start()
    rates = [results.get(timeout=20 * seconds + 120) for _ in workers]
    for one in workers:
        one.join()
    trials, reports = (sum(each) for each in zip(*rates))
    print(json.dumps({"trials_per_s": trials, "reports_per_s": reports}))


if __name__ == "__main__":
    main()
