"""The policy: what it is asked, how it answers, and the engines that run it."""
