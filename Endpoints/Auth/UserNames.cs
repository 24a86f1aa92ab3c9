using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Auth;

/// <summary>ASCII only, so that no two names look alike and case folding has one meaning.</summary>
internal static partial class UserNames
{
    /// <summary>The rule a name breaks, or null.</summary>
    public static string? Broken(string username) => Shape().IsMatch(username) ? null : "has 3 to 20 letters, digits or underscores";

    [GeneratedRegex(@"\A[A-Za-z0-9_]{3,20}\z")]
    private static partial Regex Shape();
}
