from teams.models.api_key import ApiKey
from teams.models.application import Application, Environment
from teams.models.audit import AuditEvent
from teams.models.team import Membership, Person, Role, Team
from teams.models.user import User

__all__ = ["ApiKey", "Application", "AuditEvent", "Environment", "Membership", "Person", "Role", "Team", "User"]
