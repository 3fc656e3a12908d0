from django.contrib import admin

from feedback.models import Feedback


@admin.register(Feedback)
class FeedbackAdmin(admin.ModelAdmin):
    list_display = ["user", "stars", "text", "changed"]
    list_filter = ["stars"]
    list_select_related = ["user"]
    search_fields = ["user__username", "text"]
