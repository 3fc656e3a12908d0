from django.urls import path

from gradio_ui.views import portal

urlpatterns = [path("", portal, name="portal")]
