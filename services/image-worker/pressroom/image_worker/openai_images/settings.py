"""What the OpenAI lane needs: the settings of every service that talks to OpenAI, with more patience."""

from typing import Annotated

from pydantic import Field

from pressroom.runtime.vendors.openai import OpenAIVendorSettings


class OpenAISettings(OpenAIVendorSettings):
    """A picture is drawn while the request is open, so an answer takes longer than the Batch API's."""

    openai_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=180.0, description="How long OpenAI may be silent while it makes a picture."
    )
