"""Is a difference more than noise: bootstrap over sentences, tests over seeds."""
