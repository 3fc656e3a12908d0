

import django.db.models.deletion
import sessionstate.clock
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('app', models.CharField(help_text='Slug of the app.', max_length=50, verbose_name='app')),
                ('chat', models.CharField(blank=True, max_length=50, verbose_name='chat')),
                ('title', models.CharField(max_length=80, verbose_name='title')),
                ('created', models.DateTimeField(default=sessionstate.clock.now, verbose_name='created')),
                ('updated', models.DateTimeField(default=sessionstate.clock.now, verbose_name='updated')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='conversations', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'conversation',
                'verbose_name_plural': 'conversations',
                'ordering': ['-updated', 'id'],
                'default_permissions': ('view', 'delete'),
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('role', models.CharField(choices=[('user', 'user'), ('assistant', 'assistant'), ('system', 'system')], max_length=10)),
                ('content', models.JSONField()),
                ('metadata', models.JSONField(null=True)),
                ('complete', models.BooleanField(default=True)),
                ('created', models.DateTimeField(default=sessionstate.clock.now)),
                ('conversation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='gradio_ui.conversation')),
            ],
            options={
                'ordering': ['position'],
                'default_permissions': (),
            },
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(fields=['user', 'app', 'chat', '-updated'], name='conversations_of'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('conversation', 'position'), name='message_has_one_position'),
        ),
    ]
