"""What Prometheus reads at `/metrics` of every service."""

from prometheus_client import Counter, Histogram

JOBS = Counter("pressroom_jobs_total", "Jobs by how they ended.", ["kind", "lane", "outcome"])
JOB_SECONDS = Histogram(
    "pressroom_job_seconds",
    "From a job's claim to its end.",
    ["kind", "lane"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
GENERATION_SECONDS = Histogram(
    "pressroom_generation_seconds",
    "From a claim to the provider's last byte.",
    ["provider"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
EVENTS_HANDLED = Counter(
    "pressroom_events_handled_total", "Events by how their handling ended.", ["consumer", "outcome"]
)
MESSAGES_PUBLISHED = Counter("pressroom_messages_published_total", "Messages confirmed by a stream.", ["stream"])
MESSAGES_RELAYED = Counter("pressroom_messages_relayed_total", "Messages that the relay found.", ["stream"])
DEAD_LETTERS = Counter("pressroom_dead_letters_total", "Messages that could not be handled.", ["stream", "consumer"])
HTTP_REQUESTS = Counter("pressroom_http_requests_total", "HTTP requests.", ["method", "route", "status"])
HTTP_SECONDS = Histogram("pressroom_http_request_seconds", "Time to answer.", ["method", "route"])
PROVIDER_CALLS = Counter("pressroom_provider_calls_total", "Billed calls, by how they ended.", ["provider", "outcome"])
PROVIDER_COST = Counter("pressroom_provider_cost_microusd_total", "What they cost, in millionths of $.", ["provider"])
LANE_WAIT_SECONDS = Histogram(
    "pressroom_lane_wait_seconds", "What images waited for their lane's limits.", ["provider"], buckets=(0.1, 1, 10, 60)
)
PASSWORD_SECONDS = Histogram("pressroom_password_seconds", "What checking a password takes.")
LOGINS = Counter("pressroom_logins_total", "Logins by how they ended.", ["outcome"])
