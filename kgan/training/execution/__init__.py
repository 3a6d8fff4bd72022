"""How training steps are executed: with or without XLA, how many at a time, by which operations.

None of this changes the results. `compile(accelerate=False)` and the environment variable
`KGAN_ACCELERATE=0` turn the faster operations off.
"""
