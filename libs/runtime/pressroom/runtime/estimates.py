"""What a batch would cost, by the rules and prices by which it would be taken. Nothing is written."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from pressroom.contracts.credits import Estimate, as_credits
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import Mode, ProviderName
from pressroom.state.database import Database

from .admission import Lanes, announced, costs_of, estimated_cost, first_open, mode_choice, refusals, sorted_out
from .caps import Caps
from .credit_prices import price_of
from .credits import Credits, shortage
from .prices import MICRO
from .settings import Settings


@dataclass(frozen=True)
class Estimates:
    """Estimates for one deployment."""

    database: Database
    settings: Settings

    async def of(self, request: BatchRequest, owner: str) -> Estimate:
        """What `request` would cost `owner` if it were asked for now."""
        lanes = await announced(self.database)
        reasons = refusals(request, self.settings, lanes)
        choice = mode_choice(request, self.settings, datetime.now(UTC))
        mode = choice.mode if choice is not None else request.mode
        as_made = request.model_copy(update={"mode": mode})
        able, _ = sorted_out(as_made, self.settings, lanes)
        provider = None if not able else able[0] if mode is Mode.BATCH else first_open(able, lanes)
        cost, one_by_one_cost = (self._cost(request, provider, way, lanes) for way in (mode, Mode.REALTIME))
        saves = None if cost is None or one_by_one_cost is None else max(0, one_by_one_cost - cost)
        price, one_by_one = (price_of(request, way, self.settings.credit_prices) for way in (mode, Mode.REALTIME))
        count = request.image_count
        pays = await Credits(self.database, self.settings).pays(owner)
        available = (await self.database.ledger.account(owner)).available if pays else None
        missing = max(0, price * count - available) if available is not None else 0
        if available is not None and missing:
            reasons.append(shortage(price, count, available))
        caps = Caps(self.database, self.settings)
        account_caps = (*await caps.of_owner(owner), *caps.of_deployment())
        reasons += await caps.refusals(account_caps, as_made, costs_of(as_made, able, self.settings, lanes))
        return Estimate(
            image_count=count,
            category=request.priced_as,
            mode=mode,
            mode_choice=choice and choice.model_copy(update={"saves_microusd": saves or 0}),
            provider=provider,
            price=as_credits(price),
            credits=as_credits(price * count),
            saves_credits=as_credits(max(0, one_by_one - price) * count),
            is_metered=pays,
            available=None if available is None else as_credits(available),
            shortfall=as_credits(missing) if missing else None,
            cost_usd=_dollars(cost),
            saves_usd=_dollars(saves),
            refusals=tuple(reasons),
        )

    def _cost(self, request: BatchRequest, provider: ProviderName | None, mode: Mode, lanes: Lanes) -> int | None:
        """All images, in millionths of a dollar; None when nobody knows."""
        if provider is None:
            return None
        each = estimated_cost(request.model_copy(update={"mode": mode}), provider, self.settings, lanes)
        return None if each is None else each * request.image_count


def _dollars(microusd: int | None) -> Decimal | None:
    return None if microusd is None else Decimal(microusd) / MICRO
