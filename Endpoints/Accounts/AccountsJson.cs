using System.Text.Json.Serialization;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Accounts;

/// <summary>The types of this room that cross the wire. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ApiKeyPage))]
[JsonSerializable(typeof(ChangePasswordRequest))]
[JsonSerializable(typeof(ConfirmRequest))]
[JsonSerializable(typeof(CreateApiKey))]
[JsonSerializable(typeof(CreatedApiKey))]
[JsonSerializable(typeof(CreatedUserResponse))]
[JsonSerializable(typeof(CreateUserRequest))]
[JsonSerializable(typeof(LoginPage))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(ManagedUserResponse))]
[JsonSerializable(typeof(MeResponse))]
[JsonSerializable(typeof(OneTimeCodeResponse))]
[JsonSerializable(typeof(QuotaRequest))]
[JsonSerializable(typeof(ReasonRequest))]
[JsonSerializable(typeof(RefreshResponse))]
[JsonSerializable(typeof(RegisterRequest))]
[JsonSerializable(typeof(RoleRequest))]
[JsonSerializable(typeof(StatusRequest))]
[JsonSerializable(typeof(TokenRequest))]
[JsonSerializable(typeof(TokenResponse))]
[JsonSerializable(typeof(UserEnvelope))]
[JsonSerializable(typeof(UserPage))]
[JsonSerializable(typeof(DeleteAccountRequest))]
[JsonSerializable(typeof(OwnDraft))]
[JsonSerializable(typeof(OwnImage))]
[JsonSerializable(typeof(SessionUsageResponse))]
[JsonSerializable(typeof(UsageSummary))]
[JsonSerializable(typeof(AvatarResponse))]
[JsonSerializable(typeof(LogoResponse))]
[JsonSerializable(typeof(PersonalForm))]
[JsonSerializable(typeof(PersonalResponse))]
internal sealed partial class AccountsJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static AccountsJson Wire { get; } = new(JsonDefaults.Create());
}
