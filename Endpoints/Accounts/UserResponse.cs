using AiChat.Data.Accounts;
using AiChat.Endpoints.Images;

namespace AiChat.Endpoints.Accounts;

/// <summary>A user as clients see one.</summary>
internal sealed record UserResponse(
    long Id,
    string Username,
    string Role,
    string Status,
    string? AvatarUrl,
    DateTimeOffset CreatedAt,
    string? RejectionReason,
    bool? PasswordChangeRequired)
{
    public static UserResponse From(UserRow row) => new(
        row.Id,
        row.Username ?? "",
        row.Role,
        row.Status,
        AvatarLinks.Find(row.Id, row.AvatarFile),
        DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt),
        row.Status == "DISABLED" ? row.StatusReason : null,
        row.HasPassword ? null : true);
}
