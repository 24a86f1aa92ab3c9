namespace AiChat.Endpoints.Accounts;

/// <summary>The services of this room.</summary>
internal static class AccountsServices
{
    public static void AddAccounts(this IServiceCollection services)
    {
        services.AddSingleton<SharedPictures>();
        services.AddSingleton<AccountExport>();
    }
}
