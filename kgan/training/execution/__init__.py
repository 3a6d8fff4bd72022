"""How training steps are executed: with XLA or without, how many at a time, by which operations.

None of it changes what is computed; `compile(accelerate=False)` and the environment variable
`KGAN_ACCELERATE=0` turn the faster operations off.
"""
