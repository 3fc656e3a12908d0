from django.db.models import Avg, Count
from django.http import HttpRequest
from ninja import Field, ModelSchema, Router, Schema

from feedback.models import Feedback

router = Router()


class FeedbackIn(Schema):
    stars: int = Field(ge=1, le=5)
    text: str = Field("", max_length=500)


class FeedbackOut(ModelSchema):
    class Meta:
        model = Feedback
        fields = ["stars", "text", "changed"]


class Summary(Schema):
    count: int
    stars: float | None


@router.put("/mine", response=FeedbackOut, summary="Give feedback")
def give(request: HttpRequest, body: FeedbackIn) -> Feedback:
    feedback, _ = Feedback.objects.update_or_create(user=request.user, defaults=body.dict())
    return feedback


@router.get("/summary", auth=None, response=Summary, summary="What all think")
def summary(request: HttpRequest) -> dict[str, float | None]:
    """Open to everybody, because it says `auth=None`."""
    return Feedback.objects.aggregate(count=Count("pk"), stars=Avg("stars"))
